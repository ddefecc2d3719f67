//! What end-to-end tests of oathd stand on: private worlds with the real pcscd, a real bus, the
//! real polkitd, oathd as it is installed, and software tokens in the readers. Beside it, what the
//! fuzz targets check.

pub mod fuzz;
pub mod world;
