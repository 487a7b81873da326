// node-soap, unmodified, knowing nothing but the WSDL. Reads the wishes as JSON from its first argument, writes what
// happened as JSON: the life of one token, or the fault that ended it.
const soap = require("soap");

async function main(wish) {
  const client = await soap.createClientAsync(wish.wsdl, { forceSoap12Headers: wish.soap === "1.2" });
  client.setSecurity(new soap.WSSecurity(wish.user, wish.password, { hasTimeStamp: true }));
  const port = client.SecurityTokenService[`STS_Soap${wish.soap.replace(".", "")}_Port`];

  const call = (operation, request) =>
    new Promise((resolve, reject) =>
      port[operation](request, (failure, answer, raw) => (failure ? reject(failure) : resolve({ answer, raw }))),
    );
  const about = (operation, token) =>
    call(operation, { RequestType: `${wish.trust}/${operation}`, [`${operation}Target`]: { $xml: token } });

  const issued = await call("Issue", {
    TokenType: wish.token_type,
    RequestType: `${wish.trust}/Issue`,
    AppliesTo: { EndpointReference: { Address: wish.address } },
  });
  const token = /<([a-z0-9]+:)?Assertion .*<\/\1?Assertion>/s.exec(issued.raw)[0];
  const before = await about("Validate", token);
  await about("Cancel", token);
  const after = await about("Validate", token);
  return { token, issued: issued.answer, before: before.answer.Status.Code, after: after.answer.Status.Code };
}

main(JSON.parse(process.argv[2]))
  .catch((failure) => {
    if (!failure.root) throw failure;
    return { fault: failure.root.Envelope.Body.Fault };
  })
  .then((result) => console.log(JSON.stringify(result)));
