//! The messages between the kernel's virtual host controller and a device (Linux,
//! Documentation/usb/usbip_protocol.rst). Every number on this wire is big-endian.

/// The length of every header, in both directions.
pub(crate) const HEADER: usize = 48;
/// The most data of one transfer to the device, in bytes: far more than its longest message.
pub(crate) const MOST_DATA: usize = 65_536;

const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const SUBMITTED: u32 = 3;
const UNLINKED: u32 = 4;
const TO_DEVICE: u32 = 0;
const FROM_DEVICE: u32 = 1;
/// What the count of isochronous packets says where there are none.
const NOT_ISOCHRONOUS: [u32; 2] = [0, u32::MAX];

/// A transfer that stalls (`-EPIPE`).
const STALL: i32 = -32;
/// A transfer that was taken back (`-ECONNRESET`).
const TAKEN_BACK: i32 = -104;

/// What the kernel asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    /// A transfer.
    Submit(Submit),
    /// The end of a transfer that is not complete.
    Unlink {
        /// The number of this request.
        number: u32,
        /// The number of the transfer.
        transfer: u32,
    },
}

/// A transfer (URB).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Submit {
    /// Its number; the answer carries it.
    pub(crate) number: u32,
    /// The endpoint, without the bit for the direction.
    pub(crate) endpoint: u8,
    /// What is transferred.
    pub(crate) direction: Direction,
    /// The setup packet; has a meaning at endpoint 0 only.
    pub(crate) setup: [u8; 8],
}

/// Where the data of a transfer goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// To the device.
    Out(Vec<u8>),
    /// From the device: at most so many bytes.
    In(usize),
}

/// Why the bytes are no request to this device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidRequest {
    /// Neither a transfer nor the end of one.
    #[error("unknown command {0}")]
    Command(u32),
    /// Neither to the device nor from it.
    #[error("unknown direction {0}")]
    Direction(u32),
    /// No device has so many endpoints.
    #[error("unknown endpoint {0}")]
    Endpoint(u32),
    /// More data than a transfer may have.
    #[error("a transfer of {0} bytes")]
    Length(u32),
    /// An isochronous transfer, for which there is no endpoint.
    #[error("an isochronous transfer of {0} packets")]
    Isochronous(u32),
}

impl Request {
    /// Reads a header. The data of a transfer to the device follows it on the wire: its place in
    /// the request is there, filled with zeros.
    ///
    /// # Errors
    /// [`InvalidRequest`] when no kernel would send this to the device.
    pub(crate) fn parse(header: &[u8; HEADER]) -> Result<Request, InvalidRequest> {
        let number = word(header, 1);
        match word(header, 0) {
            SUBMIT => Ok(Request::Submit(Submit {
                number,
                endpoint: u8::try_from(word(header, 4))
                    .ok()
                    .filter(|endpoint| *endpoint < 16)
                    .ok_or(InvalidRequest::Endpoint(word(header, 4)))?,
                direction: direction(header)?,
                setup: setup(header),
            })),
            UNLINK => Ok(Request::Unlink {
                number,
                transfer: word(header, 5),
            }),
            other => Err(InvalidRequest::Command(other)),
        }
    }

    /// Where the data of a transfer to the device belongs.
    pub(crate) fn data(&mut self) -> &mut [u8] {
        match self {
            Request::Submit(Submit {
                direction: Direction::Out(data),
                ..
            }) => data,
            _ => &mut [],
        }
    }
}

fn direction(header: &[u8; HEADER]) -> Result<Direction, InvalidRequest> {
    let packets = word(header, 8);
    if !NOT_ISOCHRONOUS.contains(&packets) {
        return Err(InvalidRequest::Isochronous(packets));
    }
    let asked = word(header, 6);
    let length = usize::try_from(asked).map_err(|_| InvalidRequest::Length(asked))?;
    match word(header, 3) {
        TO_DEVICE if length > MOST_DATA => Err(InvalidRequest::Length(asked)),
        TO_DEVICE => Ok(Direction::Out(vec![0; length])),
        FROM_DEVICE => Ok(Direction::In(length)),
        other => Err(InvalidRequest::Direction(other)),
    }
}

/// The number at place `index`, counted in numbers.
fn word(header: &[u8; HEADER], index: usize) -> u32 {
    let mut bytes = [0; 4];
    let (words, _) = header.as_chunks::<4>();
    if let Some(word) = words.get(index) {
        bytes = *word;
    }
    u32::from_be_bytes(bytes)
}

fn setup(header: &[u8; HEADER]) -> [u8; 8] {
    let mut setup = [0; 8];
    setup.copy_from_slice(&header[40..]);
    setup
}

/// What the device answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// A transfer to the device is complete.
    Taken {
        /// The number of the transfer.
        number: u32,
        /// How many bytes were taken.
        length: usize,
    },
    /// A transfer from the device is complete.
    Given {
        /// The number of the transfer.
        number: u32,
        /// What it brings.
        data: Vec<u8>,
    },
    /// The device refuses a transfer.
    Stalled {
        /// The number of the transfer.
        number: u32,
    },
    /// The answer to [`Request::Unlink`].
    Unlinked {
        /// The number of that request.
        number: u32,
        /// The transfer had not been complete, and has no other answer.
        taken_back: bool,
    },
}

impl Reply {
    /// The bytes on the wire.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (command, number, status, length, data) = match self {
            Reply::Taken { number, length } => (SUBMITTED, *number, 0, *length, &[][..]),
            Reply::Given { number, data } => (SUBMITTED, *number, 0, data.len(), &data[..]),
            Reply::Stalled { number } => (SUBMITTED, *number, STALL, 0, &[][..]),
            Reply::Unlinked { number, taken_back } => {
                let status = if *taken_back { TAKEN_BACK } else { 0 };
                (UNLINKED, *number, status, 0, &[][..])
            }
        };
        // A transfer is bounded by what was asked for, which fits.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEADER + data.len());
        for word in [command, number, 0, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(status.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(data);
        bytes
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Request {
        /// What the kernel writes.
        pub(crate) fn encode(&self) -> Vec<u8> {
            let (words, setup, data) = match self {
                Request::Submit(submit) => {
                    let (way, length, data) = match &submit.direction {
                        Direction::Out(data) => (TO_DEVICE, data.len(), &data[..]),
                        Direction::In(length) => (FROM_DEVICE, *length, &[][..]),
                    };
                    let length = u32::try_from(length).unwrap();
                    let endpoint = u32::from(submit.endpoint);
                    let words = [SUBMIT, submit.number, 1, way, endpoint, 0, length, 0, 0, 0];
                    (words, submit.setup, data)
                }
                Request::Unlink { number, transfer } => (
                    [UNLINK, *number, 1, 0, 0, *transfer, 0, 0, 0, 0],
                    [0; 8],
                    &[][..],
                ),
            };
            let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
            bytes.extend(setup);
            bytes.extend(data);
            bytes
        }
    }

    impl Reply {
        /// What the kernel reads, when it had asked for data (`given`) or sent some.
        pub(crate) fn parse(header: &[u8; HEADER], given: bool) -> (Reply, usize) {
            let (number, length) = (word(header, 1), word(header, 6) as usize);
            match (word(header, 0), word(header, 5).cast_signed()) {
                (SUBMITTED, 0) if given => {
                    let data = vec![0; length];
                    (Reply::Given { number, data }, length)
                }
                (SUBMITTED, 0) => (Reply::Taken { number, length }, 0),
                (SUBMITTED, STALL) => (Reply::Stalled { number }, 0),
                (UNLINKED, status) => {
                    let taken_back = status == TAKEN_BACK;
                    (Reply::Unlinked { number, taken_back }, 0)
                }
                other => panic!("no reply: {other:?}"),
            }
        }
    }

    fn directions() -> impl Strategy<Value = Direction> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200).prop_map(Direction::Out),
            (0..100_000usize).prop_map(Direction::In),
        ]
    }

    pub(crate) fn requests() -> impl Strategy<Value = Request> {
        let submit = (any::<u32>(), 0..16u8, directions(), any::<[u8; 8]>());
        prop_oneof![
            4 => submit.prop_map(|(number, endpoint, direction, setup)| {
                Request::Submit(Submit { number, endpoint, direction, setup })
            }),
            1 => any::<(u32, u32)>()
                .prop_map(|(number, transfer)| Request::Unlink { number, transfer }),
        ]
    }

    proptest! {
        #[test]
        fn what_the_kernel_writes_is_read_back(request in requests()) {
            let bytes = request.encode();
            let (header, data) = bytes.split_first_chunk().unwrap();
            let mut read = Request::parse(header).unwrap();
            read.data().copy_from_slice(data);
            prop_assert_eq!(read, request);
        }

        #[test]
        fn other_bytes_are_refused_or_bounded(header in prop::collection::vec(any::<u8>(), HEADER), command in 0..4u8, small in any::<bool>()) {
            let mut header: [u8; HEADER] = header.try_into().unwrap();
            header[..4].copy_from_slice(&[0, 0, 0, command]);
            if small {
                header[12..15].fill(0);
                header[16..19].fill(0);
                header[32..36].fill(0);
            }
            if let Ok(mut request) = Request::parse(&header) {
                prop_assert!(request.data().len() <= MOST_DATA);
            }
        }

        #[test]
        fn what_the_device_writes_is_read_back(number in any::<u32>(), data in prop::collection::vec(any::<u8>(), 0..200), flag in any::<bool>()) {
            for reply in [
                Reply::Taken { number, length: data.len() },
                Reply::Given { number, data: data.clone() },
                Reply::Stalled { number },
                Reply::Unlinked { number, taken_back: flag },
            ] {
                let bytes = reply.encode();
                let (header, rest) = bytes.split_first_chunk().unwrap();
                let (mut read, length) = Reply::parse(header, matches!(reply, Reply::Given { .. }));
                prop_assert_eq!(length, rest.len());
                if let Reply::Given { data, .. } = &mut read {
                    data.copy_from_slice(rest);
                }
                prop_assert_eq!(read, reply);
            }
        }
    }

    #[test]
    fn each_limit_is_told() {
        let refused = |index: usize, value: u32| {
            let submit = Request::Submit(Submit {
                number: 1,
                endpoint: 2,
                direction: Direction::Out(vec![]),
                setup: [0; 8],
            });
            let mut header: [u8; HEADER] = submit.encode().try_into().unwrap();
            header[4 * index..][..4].copy_from_slice(&value.to_be_bytes());
            Request::parse(&header).unwrap_err()
        };
        assert_eq!(refused(0, 7), InvalidRequest::Command(7));
        assert_eq!(refused(3, 2), InvalidRequest::Direction(2));
        assert_eq!(refused(4, 16), InvalidRequest::Endpoint(16));
        assert_eq!(refused(6, 65_537), InvalidRequest::Length(65_537));
        assert_eq!(refused(8, 1), InvalidRequest::Isochronous(1));
    }
}
