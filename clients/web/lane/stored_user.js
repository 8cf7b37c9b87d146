// Who this browser's user is, on this server: a page that is reloaded goes on in the same name, and a second window of
// that name belongs to the same user. Storage is per origin, which is the server's: no other page can read a token.

const NAME = "name"; // of this window, for as long as it is open
const tokenKey = (name) => `token of ${name}`;

/** Return the name under which this window chatted before it was reloaded, if it did. */
export const restoredName = () => sessionStorage.getItem(NAME);

/** Return the token of the last log-in under a name, or nothing. */
export const storedToken = (name) => localStorage.getItem(tokenKey(name)) ?? "";

/** Keep a log-in: its name for this window, its token for others too. */
export function storeUser(name, token) {
  sessionStorage.setItem(NAME, name);
  localStorage.setItem(tokenKey(name), token);
}

/** Have this window ask for a name when it is reloaded. */
export const forgetUser = () => sessionStorage.removeItem(NAME);
