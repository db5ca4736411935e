/** What jsdom lacks and Mantine asks for. */
if (typeof window !== 'undefined') {
  window.matchMedia ??= ((query: string) => ({ matches: false, media: query, onchange: null, addListener() {}, removeListener() {}, addEventListener() {}, removeEventListener() {}, dispatchEvent: () => false })) as typeof window.matchMedia;
  window.scrollTo = (() => undefined) as typeof window.scrollTo;
}
export {};
