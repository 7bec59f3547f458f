// What stands under a finished answer, and the icons: kept here under the names by which the core knows them.

export { icon } from "./dom.js";
export { answerExtras as messageExtras } from "./features/answers.js";
