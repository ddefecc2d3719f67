//! Work with cards: connect, begin, work, end, disconnect.

use pcsc::{Context, Disposition, MAX_BUFFER_SIZE_EXTENDED, Protocols, ShareMode, Transaction};
use zeroize::{Zeroize, Zeroizing};

use super::{c_name, failure};
use crate::transport::{Cards, Channel, TransportError};

/// A context for one owner thread: the library lets one call at a time into a context.
pub(super) struct PcscCards {
    context: Context,
    buffer: Zeroizing<Vec<u8>>,
}

impl PcscCards {
    pub(super) fn new(context: Context) -> PcscCards {
        PcscCards {
            context,
            buffer: Zeroizing::new(vec![0; MAX_BUFFER_SIZE_EXTENDED]),
        }
    }
}

impl Cards for PcscCards {
    fn transaction(
        &mut self,
        reader: &str,
        work: &mut dyn FnMut(&mut dyn Channel),
    ) -> Result<(), TransportError> {
        let name = c_name(reader)?;
        let mut card = self
            .context
            .connect(&name, ShareMode::Shared, Protocols::ANY)
            .map_err(failure)?;
        let begun = match card.transaction2() {
            Ok(transaction) => {
                work(&mut PcscChannel {
                    transaction: &transaction,
                    buffer: &mut self.buffer,
                });
                // An end that fails has found the card or the service gone; dropping leaves the card, too.
                drop(transaction.end(Disposition::LeaveCard));
                Ok(())
            }
            Err((_, error)) => Err(failure(error)),
        };
        // Dropping would reset the card and end other programs' sessions; so would a disconnect that
        // fails, were there still a card to reset.
        drop(card.disconnect(Disposition::LeaveCard));
        begun
    }
}

struct PcscChannel<'a, 'tx> {
    transaction: &'a Transaction<'tx>,
    buffer: &'a mut [u8],
}

impl Channel for PcscChannel<'_, '_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        let answer = self
            .transaction
            .transmit(apdu, self.buffer)
            .map_err(failure)?
            .to_vec();
        if let Some(used) = self.buffer.get_mut(..answer.len()) {
            used.zeroize();
        }
        // No card answers with less than a status word: some drivers put a card that left this way.
        if answer.len() < 2 {
            return Err(TransportError::Removed);
        }
        Ok(answer)
    }
}
