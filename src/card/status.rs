//! Status words: the two bytes that end every answer of a card (ISO/IEC 7816-4 §5.6).

/// A status word other than success, as the YKOATH applet uses them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Status(u16);

impl Status {
    /// Memory failure: a stored credential cannot be used.
    pub(crate) const MEMORY_FAILURE: Status = Status(0x6581);
    /// The length of the APDU is wrong.
    pub(crate) const WRONG_LENGTH: Status = Status(0x6700);
    /// The last command of a chain was expected.
    pub(crate) const CHAIN_BROKEN: Status = Status(0x6883);
    /// The access code has not been shown, or nobody touched the token.
    pub(crate) const AUTH_REQUIRED: Status = Status(0x6982);
    /// No such credential, or no access code is set.
    pub(crate) const NO_SUCH_OBJECT: Status = Status(0x6984);
    /// The command does not fit what came before it.
    pub(crate) const CONDITIONS_NOT_SATISFIED: Status = Status(0x6985);
    /// The data is malformed, or the access code is wrong.
    pub(crate) const WRONG_SYNTAX: Status = Status(0x6A80);
    /// No applet has the identifier asked for.
    pub(crate) const NO_SUCH_APPLET: Status = Status(0x6A82);
    /// No room for another credential.
    pub(crate) const NO_SPACE: Status = Status(0x6A84);
    /// P1 or P2 is wrong.
    pub(crate) const WRONG_P1P2: Status = Status(0x6B00);
    /// The instruction is unknown.
    pub(crate) const WRONG_INS: Status = Status(0x6D00);
    /// The class byte is unknown.
    pub(crate) const WRONG_CLA: Status = Status(0x6E00);
    /// The card failed; a YubiKey NEO also answers so when it is full.
    pub(crate) const FAILED: Status = Status(0x6F00);

    /// The word as the two bytes on the wire.
    pub(crate) fn bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

/// Success: `9000`.
pub(crate) const SUCCESS: [u8; 2] = [0x90, 0x00];

/// More of the answer waits: `61` and this byte, which is only a hint of how much.
pub(crate) const MORE_DATA: u8 = 0x61;

/// What an instruction yields: the data of a `9000` answer, or another status word.
pub(crate) type Reply = Result<Vec<u8>, Status>;
