using System;
using System.Collections.Generic;
using System.IdentityModel.Selectors;
using System.IdentityModel.Tokens;
using System.IO;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.ServiceModel;
using System.ServiceModel.Channels;
using System.ServiceModel.Description;
using System.ServiceModel.Security;
using System.ServiceModel.Security.Tokens;
using System.Text;
using System.Xml;

/// Mono's WCF, driven line by line as java/Lines.java says: {ask ADDRESS SECURITY TRUST ACTION USER PASSWORD BODY}, the last in
/// Base64, as what is in Body of the answer.
///
/// Arguments: the STS's certificates, of messages and of TLS; the client's key and certificate as PKCS #12, with its password.
static class WcfProbe
{
    static readonly Dictionary<string, MessageSecurityVersion> Trusts = new Dictionary<string, MessageSecurityVersion> {
        { "13", MessageSecurityVersion.WSSecurity11WSTrust13WSSecureConversation13WSSecurityPolicy12BasicSecurityProfile10 },
        { "2005", MessageSecurityVersion.WSSecurity11WSTrustFebruary2005WSSecureConversationFebruary2005WSSecurityPolicy11 },
    };

    static void Main(string[] arguments)
    {
        var service = new X509Certificate2(arguments[0]);
        string tls = new X509Certificate2(arguments[1]).GetCertHashString();
        var client = new X509Certificate2(arguments[2], arguments[3]);
        ServicePointManager.ServerCertificateValidationCallback = (_, seen, chain, errors) => seen.GetCertHashString() == tls;
        string line;
        while ((line = Console.ReadLine()) != null)
        {
            Console.WriteLine(Answer(line.Split('\t'), service, client));
        }
    }

    static string Answer(string[] words, X509Certificate2 service, X509Certificate2 client)
    {
        try
        {
            Message reply = Ask(words, service, client);
            if (reply.IsFault)
            {
                MessageFault fault = MessageFault.CreateFault(reply, 65536);
                FaultCode code = fault.Code.SubCode ?? fault.Code;
                return "fault\t{" + code.Namespace + "}" + code.Name + "\t" + fault.Reason;
            }
            return "ok\t" + Convert.ToBase64String(Encoding.UTF8.GetBytes(reply.GetReaderAtBodyContents().ReadOuterXml()));
        }
        catch (Exception failure)
        {
            Console.Error.WriteLine(failure);
            return "fault\t" + failure.GetType().Name + "\t" + failure.Message.Replace('\n', ' ').Replace('\t', ' ');
        }
    }

    static Message Ask(string[] words, X509Certificate2 service, X509Certificate2 client)
    {
        string action = words[4];
        var binding = new CustomBinding(
            Protection(words[2], Trusts[words[3]]),
            new TextMessageEncodingBindingElement(MessageVersion.Soap12WSAddressing10, Encoding.UTF8),
            new HttpsTransportBindingElement());
        var credentials = new Credentials();
        credentials.UserName.UserName = words[5];
        credentials.UserName.Password = words[6];
        credentials.ClientCertificate.Certificate = client;
        credentials.ServiceCertificate.DefaultCertificate = service;
        credentials.ServiceCertificate.Authentication.CertificateValidationMode = X509CertificateValidationMode.None;
        var parts = new ChannelProtectionRequirements();
        foreach (var scoped in new[] { parts.IncomingSignatureParts, parts.IncomingEncryptionParts })
        {
            scoped.AddParts(new MessagePartSpecification(true), action);
        }
        var channels = binding.BuildChannelFactory<IRequestChannel>(credentials, parts);
        channels.Open();
        IRequestChannel channel = channels.CreateChannel(
            new EndpointAddress(new Uri(words[1]), new X509CertificateEndpointIdentity(service)));
        channel.Open();
        string body = Encoding.UTF8.GetString(Convert.FromBase64String(words[7]));
        XmlReader reader = XmlReader.Create(new StringReader(body));
        return channel.Request(Message.CreateMessage(MessageVersion.Soap12WSAddressing10, action, reader));
    }

    /// A password under a secret for the STS, or a certificate that signs; with the algorithms of Basic256.
    static SecurityBindingElement Protection(string name, MessageSecurityVersion version)
    {
        SecurityBindingElement protection = name == "username"
            ? (SecurityBindingElement)SecurityBindingElement.CreateUserNameForCertificateBindingElement()
            : new AsymmetricSecurityBindingElement(
                Certificate(X509KeyIdentifierClauseType.Thumbprint, SecurityTokenInclusionMode.Never),
                Certificate(X509KeyIdentifierClauseType.Any, SecurityTokenInclusionMode.AlwaysToRecipient));
        protection.MessageSecurityVersion = version;
        protection.SetKeyDerivation(false);
        protection.DefaultAlgorithmSuite = SecurityAlgorithmSuite.Basic256;
        return protection;
    }

    static X509SecurityTokenParameters Certificate(X509KeyIdentifierClauseType named, SecurityTokenInclusionMode included)
    {
        return new X509SecurityTokenParameters(named, included) { RequireDerivedKeys = false };
    }
}

/// Mono calls a UsernameToken "urn:uuid:...", which is no identifier of XML; .NET Framework calls it "uuid-...".
class Credentials : ClientCredentials
{
    public Credentials() { }

    Credentials(Credentials other) : base(other) { }

    protected override ClientCredentials CloneCore()
    {
        return new Credentials(this);
    }

    public override SecurityTokenManager CreateSecurityTokenManager()
    {
        return new Manager(this);
    }

    class Manager : ClientCredentialsSecurityTokenManager
    {
        public Manager(ClientCredentials credentials) : base(credentials) { }

        public override SecurityTokenProvider CreateSecurityTokenProvider(SecurityTokenRequirement requirement)
        {
            return requirement.TokenType == SecurityTokenTypes.UserName
                ? new Named(ClientCredentials.UserName)
                : base.CreateSecurityTokenProvider(requirement);
        }
    }

    class Named : SecurityTokenProvider
    {
        readonly UserNamePasswordClientCredential credential;

        public Named(UserNamePasswordClientCredential credential)
        {
            this.credential = credential;
        }

        protected override SecurityToken GetTokenCore(TimeSpan timeout)
        {
            return new UserNameSecurityToken(credential.UserName, credential.Password, "uuid-" + Guid.NewGuid());
        }
    }
}
