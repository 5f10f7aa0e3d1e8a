// Sends the one form of the page on; without scripts its button does.
"use strict";
document.addEventListener("DOMContentLoaded", () => document.forms[0].submit());
