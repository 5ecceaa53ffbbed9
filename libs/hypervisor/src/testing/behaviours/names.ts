/** Legal names that break whoever forgets to quote, escape or encode. */
export const nastyNames = [
  `web "1" it's <&>;$(reboot) \`id\` %s`,
  '-rf * é ü 日本語 ?.. #1',
  '🚀 ~rocket, {a}|[b]=!',
] as const;
