// Prints what the official parser finds wrong with an AsyncAPI document, one JSON object a line.
// node check_asyncapi.mjs FILE, with @asyncapi/parser beside this file.
import { fromFile, Parser } from "@asyncapi/parser/cjs/index.js";

const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
for (const { code, message, path, severity } of diagnostics) console.log(JSON.stringify({ code, message, path, severity }));
if (!document) process.exitCode = 1;
