// Succeeds when a service of this machine answers that it is ready, by whichever certificate.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
const { ok } = await globalThis.fetch(process.argv[2]);
process.exit(ok ? 0 : 1);
