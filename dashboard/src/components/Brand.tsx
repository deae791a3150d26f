/** The mark: a battery with a pulse in it. */
export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <rect x="3" y="8" width="23" height="16" rx="4" fill="none" stroke="currentColor" strokeWidth="2.4" />
        <rect x="28" y="13" width="2.6" height="6" rx="1.3" fill="currentColor" />
        <path
          d="M8 17h3l2-4 3 7 2-3h3"
          fill="none"
          stroke="currentColor"
          strokeWidth="2"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      <span className="brand-name">EMS</span>
    </span>
  );
}
