// The device that signs in here, as it is sent with a login.
import { deviceId } from "/sdk/sessionhub.js";

/** The same for as long as the page is open, even where the browser keeps nothing. */
export const device = deviceId().then((id) => ({ id }));
