// Libraries of Go as a service has them: crewjam/saml and russellhaering/gosaml2. The argument says which. Each line of
// the input is a question in JSON, and gets a line of JSON back.
package main

import (
	"bufio"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/crewjam/saml"
	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"
)

type trusted struct {
	Issuer         string `json:"issuer"`
	Certificate    string `json:"certificate"`
	Audience       string `json:"audience"`
	Recipient      string `json:"recipient"`
	Key            string `json:"key"`
	KeyCertificate string `json:"key_certificate"`
}

type question struct {
	Markup  string  `json:"markup"`
	Trusted trusted `json:"trusted"`
}

type answer struct {
	Name       string              `json:"name"`
	Attributes map[string][]string `json:"attributes"`
	Refused    string              `json:"refused,omitempty"`
}

func crewjam(asked question) (answer, error) {
	told := asked.Trusted
	recipient, err := url.Parse(told.Recipient)
	if err != nil {
		return answer{}, err
	}
	pair, err := tls.X509KeyPair([]byte(told.KeyCertificate), []byte(told.Key))
	if err != nil {
		return answer{}, err
	}
	block, _ := pem.Decode([]byte(told.Certificate))
	signing := saml.KeyDescriptor{Use: "signing"}
	signing.KeyInfo.X509Data.X509Certificates = []saml.X509Certificate{
		{Data: base64.StdEncoding.EncodeToString(block.Bytes)},
	}
	sts := saml.IDPSSODescriptor{}
	sts.KeyDescriptors = []saml.KeyDescriptor{signing}
	service := saml.ServiceProvider{
		EntityID:          told.Audience,
		AcsURL:            *recipient,
		Key:               pair.PrivateKey.(crypto.Signer),
		IDPMetadata:       &saml.EntityDescriptor{EntityID: told.Issuer, IDPSSODescriptors: []saml.IDPSSODescriptor{sts}},
		AllowIDPInitiated: true,
	}
	assertion, err := service.ParseXMLResponse([]byte(asked.Markup), nil, *recipient)
	var invalid *saml.InvalidResponseError
	if errors.As(err, &invalid) {
		return answer{}, invalid.PrivateErr
	}
	if err != nil {
		return answer{}, err
	}
	found := answer{Name: assertion.Subject.NameID.Value, Attributes: map[string][]string{}}
	for _, statement := range assertion.AttributeStatements {
		for _, attribute := range statement.Attributes {
			for _, value := range attribute.Values {
				found.Attributes[attribute.Name] = append(found.Attributes[attribute.Name], value.Value)
			}
		}
	}
	return found, nil
}

func gosaml2(asked question) (answer, error) {
	told := asked.Trusted
	block, _ := pem.Decode([]byte(told.Certificate))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return answer{}, err
	}
	pair, err := tls.X509KeyPair([]byte(told.KeyCertificate), []byte(told.Key))
	if err != nil {
		return answer{}, err
	}
	service := saml2.SAMLServiceProvider{
		IdentityProviderIssuer:      told.Issuer,
		AssertionConsumerServiceURL: told.Recipient,
		AudienceURI:                 told.Audience,
		IDPCertificateStore:         &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{certificate}},
		SPKeyStore:                  dsig.TLSCertKeyStore(pair),
	}
	info, err := service.RetrieveAssertionInfo(base64.StdEncoding.EncodeToString([]byte(asked.Markup)))
	if err != nil {
		return answer{}, err
	}
	if info.WarningInfo.InvalidTime || info.WarningInfo.NotInAudience {
		return answer{}, fmt.Errorf("%+v", *info.WarningInfo)
	}
	found := answer{Name: info.NameID, Attributes: map[string][]string{}}
	for name := range info.Values {
		found.Attributes[name] = info.Values.GetAll(name)
	}
	return found, nil
}

func main() {
	take := map[string]func(question) (answer, error){"crewjam": crewjam, "gosaml2": gosaml2}[os.Args[1]]
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var asked question
		err := json.Unmarshal(lines.Bytes(), &asked)
		found := answer{}
		if err == nil {
			found, err = take(asked)
		}
		if err != nil {
			found = answer{Refused: err.Error()}
		}
		written, _ := json.Marshal(found)
		fmt.Println(string(written))
	}
}
