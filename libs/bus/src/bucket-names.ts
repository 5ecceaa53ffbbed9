/** The stream that a bucket is. */
export const bucketStream = (bucket: string) => `KV_${bucket}`;
/** The subject that a key is, or keys with wildcards. */
export const bucketSubject = (bucket: string, key: string) => `$KV.${bucket}.${key}`;
