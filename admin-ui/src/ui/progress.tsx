/** A bar with its share in words beside it; without a ratio it only says that work is under way. */
export function Progress({ ratio, label, text }: { ratio: number | null; label: string; text?: string }) {
  const known = ratio === null ? undefined : Math.max(0, Math.min(1, ratio));
  return (
    <span className="progress">
      <progress aria-label={label} max={1} value={known} />
      {text ? <span className="num progress-text">{text}</span> : null}
    </span>
  );
}
