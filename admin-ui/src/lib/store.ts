/** What the browser remembers for a person. Storage may be full or forbidden; then nothing is remembered. */
export function remember(key: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(`packwork.${key}`);
    else localStorage.setItem(`packwork.${key}`, JSON.stringify(value));
  } catch {
    // not remembered, everything else works
  }
}

export function recall<T>(key: string): T | undefined {
  try {
    const text = localStorage.getItem(`packwork.${key}`);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}
