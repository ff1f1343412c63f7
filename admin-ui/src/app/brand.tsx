/** The mark and the name of the product. */
export function Brand({ tenant }: { tenant?: string }) {
  return (
    <span className="brand">
      <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <rect width="32" height="32" rx="7" fill="#2456d6" />
        <path
          d="M10 23V9h7.2a4.600 4.600 0 0 1 0 9.200H10"
          fill="none"
          stroke="#fff"
          strokeWidth="3.200"
          strokeLinejoin="round"
          strokeLinecap="round"
        />
      </svg>
      <span className="brand-name">Packwork</span>
      {tenant ? <span className="brand-tenant">{tenant}</span> : null}
    </span>
  );
}
