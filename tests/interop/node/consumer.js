// @node-saml/node-saml as a service has it. Each line of its input is a question in JSON, and gets a line of JSON back.
const readline = require("readline");
const { SAML } = require("@node-saml/node-saml");

async function take({ markup, trusted }) {
  const service = new SAML({
    issuer: trusted.audience,
    audience: trusted.audience,
    callbackUrl: trusted.recipient,
    idpCert: trusted.certificate,
    idpIssuer: trusted.issuer,
    decryptionPvk: trusted.key,
    wantAssertionsSigned: true,
    wantAuthnResponseSigned: false,
  });
  const { profile } = await service.validatePostResponseAsync({ SAMLResponse: Buffer.from(markup).toString("base64") });
  const attributes = Object.entries(profile.attributes || {}).map(([name, values]) => [name, [].concat(values)]);
  return { name: profile.nameID, attributes: Object.fromEntries(attributes) };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const answer = await take(JSON.parse(line)).catch((failure) => ({ refused: String(failure.message) }));
    console.log(JSON.stringify(answer));
  }
}

main();
