/** Injection token of the driver. */
export const DRIVER = Symbol('polyvirt-driver');
/** Injection token of who the agent is. */
export const IDENTITY = Symbol('polyvirt-identity');
/** Injection token of what the host can, by the last probe. */
export const CAPABILITIES = Symbol('polyvirt-capabilities');
