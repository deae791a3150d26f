/** The newest first, unless the list knows of it already; at most `max` of them. */
export function withFirst<T>(list: readonly T[], newest: T, max: number): T[] {
  const words = JSON.stringify(newest);
  return list.some((known) => JSON.stringify(known) === words) ? [...list] : [newest, ...list].slice(0, max);
}
