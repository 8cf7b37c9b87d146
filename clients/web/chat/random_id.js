/** Return eight random hexadecimal digits. `randomUUID` is missing at http:// of another machine. */
export const randomId = () => crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0");
