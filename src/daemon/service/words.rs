//! What a token is, in the words of the bus.

use oathd_token::{Applications, Capabilities, FormFactor, Model};

pub(super) fn model_name(model: Model) -> &'static str {
    match model {
        Model::YubiKeyNeo => "YubiKey NEO",
        Model::YubiKey4 | Model::YubiKey4Fips => "YubiKey 4",
        Model::YubiKey5 => "YubiKey 5",
        Model::Generic => "OATH card",
    }
}

pub(super) fn form_factor_name(form_factor: FormFactor) -> Option<&'static str> {
    match form_factor {
        FormFactor::Unknown => None,
        FormFactor::KeychainA => Some("usb-a keychain"),
        FormFactor::NanoA => Some("usb-a nano"),
        FormFactor::KeychainC => Some("usb-c keychain"),
        FormFactor::NanoC => Some("usb-c nano"),
        FormFactor::KeychainCi => Some("usb-c and lightning"),
        FormFactor::BioA => Some("usb-a fingerprint"),
        FormFactor::BioC => Some("usb-c fingerprint"),
    }
}

pub(super) fn application_words(applications: Applications) -> Vec<String> {
    let names = applications.names().into_iter();
    names.map(str::to_owned).collect()
}

pub(super) fn capability_words(capabilities: &Capabilities) -> Vec<String> {
    let offered = [
        (capabilities.rename, "rename"),
        (capabilities.touch, "touch"),
        (capabilities.sha512, "sha512"),
        (true, "password"),
    ];
    let words = offered.into_iter().filter(|(offers, _)| *offers);
    words.map(|(_, word)| word.to_owned()).collect()
}
