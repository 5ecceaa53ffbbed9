/** Injection token of the driver. */
export const DRIVER = Symbol('polyvirt-driver');
/** Injection token of who the agent is. */
export const IDENTITY = Symbol('polyvirt-identity');
