// Runs a snippet for Node.js. Its arguments are the snippet's file and what to do; the token is on standard input.
const fs = require("fs");

async function main(file, what, user, now) {
  const { getToken, verifyToken } = require(file);
  const input = fs.readFileSync(0, "utf8");
  if (what === "get") return { token: await getToken(user, input) };
  return verifyToken(input, now ? Date.parse(now) : undefined);
}

main(...process.argv.slice(2))
  .catch((failure) => ({ refused: failure.message }))
  .then((result) => console.log(JSON.stringify(result)));
