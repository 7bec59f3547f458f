// The chat's features, each in a module of its own that exports `install(chat)`; what they may do is in chat.js.

import { install as answers } from "./answers.js";
import { install as around } from "./around.js";
import { install as attachments } from "./attachments.js";
import { install as menu } from "./menu.js";
import { install as voice } from "./voice.js";

export const features = [around, answers, attachments, voice, menu];
