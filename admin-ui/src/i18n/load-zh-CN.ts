/** Every Chinese text, one chunk. */
const files = import.meta.glob<Record<string, unknown>>('./zh-CN/*.json', { eager: true, import: 'default' });
export const texts = files;
