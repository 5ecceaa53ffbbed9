/** Injection token of the driver. */
export const DRIVER = Symbol('polyvirt-driver');
/** Injection token of who the agent is. */
export const IDENTITY = Symbol('polyvirt-identity');
/** Injection token of what the host can, by the last probe. */
export const CAPABILITIES = Symbol('polyvirt-capabilities');
/** Injection token of whom to tell that volumes may have come or gone. */
export const VOLUMES_CHANGED = Symbol('polyvirt-volumes-changed');
