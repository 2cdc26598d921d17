// Verifies callbacks at the instants at which they were sent.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const [path, secret] = process.argv.slice(2);
const judge = new Webhook(secret);
for (const { at, headers, body } of JSON.parse(readFileSync(path))) {
  Date.now = () => at;
  let why = "";
  try {
    judge.verify(Buffer.from(body, "base64"), headers);
  } catch (refused) {
    why = String(refused);
  }
  console.log(JSON.stringify({ why }));
}
