/** Return eight random hexadecimal digits. `randomUUID` exists in secure contexts only: https, or loopback. */
export const randomId = () => crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0");
