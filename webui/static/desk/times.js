// A page with nothing but times to write anew.
import { localiseTimes } from "./partials.js";

localiseTimes(document);
