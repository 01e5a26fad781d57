/** Line icons of our own on a 24 px grid; decoration only, the words stand beside them. */

const PATHS = {
  home: "M4 11.5 12 5l8 6.5M6.5 10v9h11v-9",
  communities: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM3.5 19c.4-3 2.6-5 5.5-5s5.1 2 5.5 5M15.5 5.2a3 3 0 0 1 0 5.6M17 14.3c2 .7 3.2 2.4 3.5 4.7",
  people: "M12 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM5 20c.5-3.6 3.3-6 7-6s6.5 2.4 7 6",
  impact: "M4 19h16M6.5 16v-4M11 16V8M15.5 16v-6M20 16V5",
  add: "M12 5v14M5 12h14",
  reply: "M9.5 7 4.5 12l5 5M5 12h8.500c3.5 0 6 2 6 6",
  helpful: "M12 4.5 14.2 9.500l5.3.5-4 3.6 1.2 5.300L12 16.1 7.3 18.900l1.2-5.3-4-3.6 5.3-.5Z",
  check: "m5 12.5 4.5 4.500L19 7.5",
  solved: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM8.5 12.200l2.5 2.5 4.5-5",
  verified: "M12 3.5 14.3 6l3.4-.2.2 3.4 2.5 2.3-2.5 2.3-.2 3.4-3.4-.2L12 19.5 9.7 17l-3.4.2-.2-3.400L3.6 11.500l2.5-2.3.2-3.4 3.4.2ZM9 11.700l2.2 2.2 4-4.4",
  smile: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM9 10v.5M15 10v.5M8.8 14c1.6 2.3 4.8 2.3 6.4 0",
  more: "M5 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0M11 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0M17 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 20 20",
  lock: "M7 11V8.500a5 5 0 0 1 10 0V11M5.5 11h13v9h-13Z",
  pin: "M9 4h6l-.7 6 3.2 3.500H6.500L9.7 10ZM12 13.500V20",
  up: "M12 19V6M6.5 11.5 12 6l5.5 5.5",
  down: "M12 5v13M6.5 12.5 12 18l5.5-5.5",
  close: "m6.5 6.5 11 11M17.5 6.500l-11 11",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM12 7.500V12l3 2",
  warning: "M12 4.5 21 19.500H3ZM12 10.500v4M12 17v.1",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.500v13l10.5-6.500Z",
  keyboard: "M3.5 7h17v10.500h-17ZM7 10.500h.01M10.5 10.500h.01M14 10.500h.01M17.5 10.500h.01M8.5 14h7",
  leave: "M10 5H5v14h5M14 8.5 18 12l-4 3.500M18 12H9.5",
  question: "M9.2 9.200a2.9 2.9 0 1 1 4.3 2.600c-1 .6-1.5 1.2-1.5 2.400M12 17.500v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  back: "M11 6 5 12l6 6M5.5 12H20",
  next: "m13 6 6 6-6 6M18.500 12H4",
  attach: "m8 12.500 6.300-6.300a3 3 0 0 1 4.200 4.200l-8.200 8.200a5 5 0 0 1-7-7l7.500-7.500",
  file: "M6.500 3.500h7l4 4v13h-11ZM13.500 3.500v4h4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
