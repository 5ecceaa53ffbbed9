declare const POLYVIRT_CLI_VERSION: string | undefined;

/** Written in when the program is bundled. */
export const version = typeof POLYVIRT_CLI_VERSION === 'undefined' ? 'unpackaged' : POLYVIRT_CLI_VERSION;
