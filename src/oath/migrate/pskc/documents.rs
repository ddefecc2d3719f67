//! The documents of the tests. They are written for them; the ciphertexts, MACs and keys are those
//! of the figures 6 and 7 of RFC 6030.

use super::{ContainerKey, NAMESPACE, parse};
use crate::migrate::{Imported, Refused};

pub(super) const PRESHARED: [u8; 16] =
    *b"\x12\x34\x56\x78\x90\x12\x34\x56\x78\x90\x12\x34\x56\x78\x90\x12";
pub(super) const RFC_4226: &[u8] = b"12345678901234567890";

/// Figure 6's ciphertext and MAC.
pub(super) const CIPHER: &str = "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv";
pub(super) const MAC: &str = "Su+NvtQfmvfJzF6bmQiJqoLRExc=";

pub(super) fn container(head: &str, packages: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<KeyContainer Version=\"1.0\" xmlns=\"{NAMESPACE}\">\n{head}\n{packages}\n</KeyContainer>\n"
    )
}

pub(super) fn package(serial: &str, algorithm: &str, inside: &str) -> String {
    format!(
        "<KeyPackage><DeviceInfo><SerialNo>{serial}</SerialNo></DeviceInfo>\
         <Key Id=\"k1\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{algorithm}\">{inside}</Key></KeyPackage>"
    )
}

pub(super) const PLAIN: &str =
    "<Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret>";

/// One plain package with these data beside the secret, and these elements beside the data.
pub(super) fn plain(algorithm: &str, data: &str, beside: &str) -> Result<Imported, Refused> {
    let inside = format!("{beside}<Data>{PLAIN}{data}</Data>");
    one(&container("", &package("S1", algorithm, &inside)), None)
}

pub(super) fn one(xml: &str, key: Option<&ContainerKey<'_>>) -> Result<Imported, Refused> {
    let mut migration = parse(xml, key).unwrap();
    assert_eq!(migration.len(), 1);
    migration.remove(0)
}

pub(super) fn method(name: &str) -> String {
    format!("<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#{name}\"/>")
}

pub(super) fn encrypted(name: &str, value: &str) -> String {
    format!(
        "{}<xenc:CipherData><xenc:CipherValue>\n  {value}\n</xenc:CipherValue></xenc:CipherData>",
        method(name)
    )
}

pub(super) fn mac_method(hash: &str, key: &str) -> String {
    format!("<MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#{hash}\">{key}</MACMethod>")
}

/// Figure 6, with another secret element when asked for.
pub(super) fn figure_6(secret: &str) -> String {
    let mac_key = encrypted(
        "aes128-cbc",
        "ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX",
    );
    let head = format!(
        "<EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></EncryptionKey>{}",
        mac_method("hmac-sha1", &format!("<MACKey>{mac_key}</MACKey>"))
    );
    let inside = format!(
        "<Issuer>Issuer</Issuer><AlgorithmParameters><ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/>\
         </AlgorithmParameters><Data><Secret>{secret}</Secret><Counter><PlainValue>0</PlainValue></Counter></Data>"
    );
    container(&head, &package("987654321", "hotp", &inside))
}

pub(super) fn protected(cipher: &str, mac: &str) -> String {
    let value = encrypted("aes128-cbc", cipher);
    format!("<EncryptedValue>{value}</EncryptedValue><ValueMAC>{mac}</ValueMAC>")
}

/// Figure 7, whose elements have prefixes.
pub(super) fn figure_7(rounds: u32) -> String {
    let mac_key = encrypted(
        "aes128-cbc",
        "2GTTnLwM3I4e5IO5FkufoOEiOhNj91fhKRQBtBJYluUDsPOLTfUvoU2dStyOwYZx",
    );
    let secret = encrypted(
        "aes128-cbc",
        "oTvo+S22nsmS2Z/RtcoF8Hfh+jzMe0RkiafpoDpnoZTjPYZu6V+A4aEn032yCr4f",
    );
    format!(
        "<pskc:KeyContainer xmlns:pskc=\"{NAMESPACE}\" xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" Version=\"1.0\">\
         <pskc:EncryptionKey><xenc11:DerivedKey><xenc11:KeyDerivationMethod \
         Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2\">\
         <pkcs5:PBKDF2-params><Salt><Specified>Ej7/PEpyEpw=</Specified></Salt>\
         <IterationCount>{rounds}</IterationCount><KeyLength>16</KeyLength><PRF/></pkcs5:PBKDF2-params>\
         </xenc11:KeyDerivationMethod><xenc:ReferenceList><xenc:DataReference URI=\"#ED\"/></xenc:ReferenceList>\
         <xenc11:MasterKeyName>My Password 1</xenc11:MasterKeyName></xenc11:DerivedKey></pskc:EncryptionKey>\
         <pskc:MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\">\
         <pskc:MACKey>{mac_key}</pskc:MACKey></pskc:MACMethod>\
         <pskc:KeyPackage><pskc:DeviceInfo><pskc:SerialNo>987654321</pskc:SerialNo></pskc:DeviceInfo>\
         <pskc:Key Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\" Id=\"123456\"><pskc:Data><pskc:Secret>\
         <pskc:EncryptedValue Id=\"ED\">{secret}</pskc:EncryptedValue>\
         <pskc:ValueMAC>LP6xMvjtypbfT9PdkJhBZ+D6O4w=</pskc:ValueMAC>\
         </pskc:Secret></pskc:Data></pskc:Key></pskc:KeyPackage></pskc:KeyContainer>"
    )
}
