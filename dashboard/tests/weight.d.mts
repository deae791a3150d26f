export function firstViews(): Promise<Map<string, number>>;
