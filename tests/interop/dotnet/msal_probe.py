"""MSAL for .NET, driven line by line as java/Lines.java says: `acquire AUTHORITY PORT USER PASSWORD`, tabs between.

The host of the authority is at this port of loopback, with a certificate for localhost.
"""

import os
import sys
from functools import cache

import clr

LIBRARIES = os.environ["DOTNET_LIBRARIES"]


def main() -> None:
    clr.AddReference(f"{LIBRARIES}/Microsoft.Identity.Client.dll")
    for name in ("System.Net.Http", "System.Net.Security", "System.Net.Sockets"):
        clr.AddReference(name)
    from System import Exception as Failure

    for line in sys.stdin:
        _, *words = line.rstrip("\n").split("\t")
        try:
            answer = ("ok", acquire(*words))
        except Failure as failure:
            answer = ("fault", type(failure).__name__, " ".join(failure.Message.split()))
        sys.stdout.write("\t".join(answer) + "\n")
        sys.stdout.flush()


def acquire(authority: str, port: str, user: str, password: str) -> str:
    """The cloud's token."""
    from Microsoft.Identity.Client import IPublicClientApplication, PublicClientApplicationBuilder
    from System import Array, String, Uri

    host = Uri(authority).Host
    # Another client each time, so that nothing is known from before.
    builder = PublicClientApplicationBuilder.Create("a client").WithAuthority(authority, False)
    builder = builder.WithInstanceDiscovery(False).WithHttpClientFactory(make_factory(host, int(port)))
    application = IPublicClientApplication(builder.Build())
    asked = application.AcquireTokenByUsernamePassword(Array[String](["user.read"]), user, password)
    return asked.ExecuteAsync().GetAwaiter().GetResult().AccessToken


def make_factory(host: str, port: int):
    """MSAL's way to .NET's HTTP client, which finds the cloud by its name."""
    from System import Func
    from System.IO import Stream
    from System.Net.Http import HttpClient, SocketsHttpConnectionContext, SocketsHttpHandler
    from System.Net.Security import RemoteCertificateValidationCallback, SslPolicyErrors
    from System.Net.Sockets import NetworkStream, ProtocolType, Socket, SocketType
    from System.Threading import CancellationToken
    from System.Threading.Tasks import ValueTask

    def connect(context, _cancelled):
        address = context.DnsEndPoint
        socket = Socket(SocketType.Stream, ProtocolType.Tcp)
        socket.Connect("127.0.0.1", port if address.Host == host else address.Port)
        return ValueTask[Stream](NetworkStream(socket, True))

    def believe(stream, _certificate, _chain, errors):
        expected = "RemoteCertificateNameMismatch" if stream.TargetHostName == host else "None"
        return errors == getattr(SslPolicyErrors, expected)

    handler = SocketsHttpHandler()
    handler.UseProxy = False
    handler.ConnectCallback = Func[SocketsHttpConnectionContext, CancellationToken, ValueTask[Stream]](connect)
    handler.SslOptions.RemoteCertificateValidationCallback = RemoteCertificateValidationCallback(believe)
    factory = factory_class()()
    factory.client = HttpClient(handler)
    return factory


@cache
def factory_class():
    """Once: .NET knows it by its name from then on."""
    from Microsoft.Identity.Client import IMsalHttpClientFactory

    class Factory(IMsalHttpClientFactory):
        __namespace__ = "Probe"

        def GetHttpClient(self):
            return self.client

    return Factory


main()
