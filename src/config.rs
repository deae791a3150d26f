//! The configuration: `config.env` and the environment in, one typed [`Config`] out.
//!
//! Everything that is wrong is reported in one go ([`Mistakes`]), each mistake with its key, its line and the
//! remedy. Past this module no text remains that still needs checking. The keys are in one table,
//! `config/keys.rs`; a new key is one entry there and one paragraph in `config.example.env`.

mod board;
mod ca_file;
mod edit;
mod effective;
mod file;
mod keys;
mod line;
mod mistake;
mod overrides;
mod reader;
mod remote;
mod secret;
mod server_url;
mod settings;
mod shunt;
mod table;
mod values;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use board::{BOARDS, Board};
pub use ca_file::CaFile;
pub use edit::set;
pub use effective::{Effective, Origin, effective};
pub use keys::{Config, KEYS};
pub use mistake::{Mistake, Mistakes, Place};
pub use overrides::Overrides;
pub use remote::{propose, propose_token};
pub use secret::Secret;
pub use server_url::ServerUrl;
pub use table::{Key, Need};

use crate::battery::protection::Limits;
use crate::battery::{Chemistry, Pack, SensorErrors, Setup, sensing};
use crate::sensor::{SensorKind, Unfit, Wiring};
use overrides::Values;
use reader::Reader;

/// Where the configuration is looked for when no path is given; the first that exists is read, and only that.
pub const SEARCH: [&str; 2] = ["/etc/ems-edge/config.env", "./.env"];

/// A configuration that holds together.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What works but deserves a look: one sentence each, with its remedy.
    pub warnings: Vec<String>,
    /// The file that was read; `None` if the environment alone had everything.
    pub path: Option<PathBuf>,
    /// Where the cloud has replaced the token: the one before it.
    pub spare_token: Option<Secret>,
}

/// Reads the configuration from `path`, else from the first of [`SEARCH`] that exists; `environment` (usually
/// [`std::env::var_os`]) wins over the file for each key it has. An empty value counts as not set.
pub fn load(path: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Result<Loaded, Mistakes> {
    load_from(path, &SEARCH.map(Path::new), environment)
}

/// [`load`], with what is on trial instead of what holds.
pub fn load_on_trial(
    path: Option<&Path>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Loaded, Mistakes> {
    load_overridden(path, &SEARCH.map(Path::new), &environment, true)
}

/// [`load`] with a search list of the caller's.
pub fn load_from(
    path: Option<&Path>,
    search: &[&Path],
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Loaded, Mistakes> {
    load_overridden(path, search, &environment, false)
}

/// The file and the environment say where the state folder is, and there is what the cloud has set.
fn load_overridden(
    path: Option<&Path>,
    search: &[&Path],
    environment: &dyn Fn(&str) -> Option<OsString>,
    on_trial: bool,
) -> Result<Loaded, Mistakes> {
    let mut said = load_with(path, search, environment, None)?;
    let overrides = Overrides::read(&said.config.state_dir.join(said.config.device_id.as_str()));
    let values = overrides.values(on_trial);
    if values.is_empty() {
        return Ok(said);
    }
    match load_with(path, search, environment, Some(values)) {
        Ok(loaded) => Ok(loaded),
        Err(mistakes) => {
            // The file was edited since, and the two no longer go together: the technician's word counts.
            said.warnings
                .push(format!("what the cloud has set does not fit the file and is not used: {mistakes}"));
            Ok(said)
        }
    }
}

/// Reads everything, with these values of the cloud's.
fn load_with(
    path: Option<&Path>,
    search: &[&Path],
    environment: &dyn Fn(&str) -> Option<OsString>,
    values: Option<&Values>,
) -> Result<Loaded, Mistakes> {
    let found = file::find(path, search);
    let mut reader = Reader::new(found, environment, values);
    let config = keys::read(&mut reader);
    if let Some(config) = &config {
        match config.check_wiring() {
            Ok(warnings) => reader.warn(warnings),
            Err(Unfit { key, why }) => reader.refuse_named(key, &why),
        }
        for (key, refusal) in
            [config.check_voltages(), config.check_order()].into_iter().filter_map(Result::err)
        {
            reader.refuse(key, &refusal);
        }
        reader.warn(config.warn_of_cold());
        reader.warn(config.warn_of_path());
        if config.ca_file.is_some() && !config.server_url.is_tls() {
            reader.warn(["CA_FILE is not used: SERVER_URL is without TLS".to_owned()]);
        }
    }
    let (path, warnings) = reader.finish()?;
    let spare_token = config.as_ref().zip(values).and_then(|(config, values)| spare(config, values));
    // Each key that gave no value has left a mistake, so this is the way of a complete configuration alone.
    config.map(|config| Loaded { config, warnings, path, spare_token }).ok_or_else(Mistakes::default)
}

/// The token before the one that the cloud has set, where that one is in force.
fn spare(config: &Config, values: &Values) -> Option<Secret> {
    let set = values.get(keys::entry::api_token.name)?;
    if set.value != config.api_token.expose() {
        return None;
    }
    let before = set.spare.as_deref().or(set.replaces.as_deref())?;
    secret::token(before).ok().filter(|spare| *spare != config.api_token)
}

/// Looks whether `text` can be the value of `key`, by itself.
///
/// # Errors
/// What was expected, and what to write.
pub fn check(key: &Key, text: &str) -> Result<(), String> {
    keys::check(key, text).map_err(|refusal| match refusal.example(key) {
        "" => refusal.why,
        write => format!("{}; for example {write}", refusal.why),
    })
}

impl Config {
    /// Where the sensor is and how it is connected.
    pub fn wiring(&self) -> Wiring {
        let is_read_by_kernel = self.sensor.is_read_by_kernel();
        Wiring {
            kind: self.sensor,
            bus: if is_read_by_kernel { self.sensor_name.clone().into() } else { self.i2c_bus.clone() },
            address: if is_read_by_kernel { 0 } else { self.i2c_address },
            shunt: self.shunt,
            current_sign: self.current_sign,
            divider: self.divider,
            temperature_probe: Some(self.temperature_sensor.clone()).filter(|name| !name.is_empty()),
            sense: self.sense_interval.with(self.sensor, self.sample_interval),
        }
    }

    /// What the estimator is told.
    pub fn setup(&self) -> Setup {
        let pack = self.pack();
        let chip = match self.sensor {
            SensorKind::Ina219 => sensing::INA219,
            SensorKind::Ina226 | SensorKind::Simulated => sensing::INA226,
            SensorKind::Ina228 => sensing::INA228_COUNTING,
            SensorKind::Ina238 => sensing::INA238,
            SensorKind::Max17048 => sensing::MAX17048,
            SensorKind::Ads1115 => sensing::ADS1115,
            // The kernel does not tell which chip it has found.
            SensorKind::Hwmon | SensorKind::PowerSupply => sensing::UNKNOWN,
        };
        let wiring = if self.sensor == SensorKind::Simulated { Wiring::simulated() } else { self.wiring() };
        Setup {
            pack,
            errors: SensorErrors::of(&chip, wiring.shunt.ohms, wiring.divider),
            full_cell_volts: self.full_cell_volts(),
            standby_amps: self.standby_current,
            interval_seconds: self.sample_interval.as_secs_f64(),
        }
    }

    /// The limits that the battery is held to: the chemistry's, unless a key says otherwise.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::usual(&self.pack(), self.full_cell_volts());
        let cells = f64::from(self.cells_series);
        let replace = |limit: &mut f64, value: Option<f64>| *limit = value.unwrap_or(*limit);
        replace(&mut limits.over_volts, self.over_voltage.map(|volts| volts / cells));
        replace(&mut limits.empty_volts, self.empty_voltage.map(|volts| volts / cells));
        replace(&mut limits.charge_amps, self.max_charge_current);
        replace(&mut limits.load_amps, self.max_load_current);
        replace(&mut limits.coldest_charge, self.min_charge_temperature);
        replace(&mut limits.hottest, self.max_temperature);
        limits.has_probe = !self.temperature_sensor.is_empty();
        limits.empty_soc = self.empty_soc;
        limits.charge_again_below = self.charge_again_soc;
        limits
    }

    fn full_cell_volts(&self) -> f64 {
        let usual = self.chemistry.usual_charge_cell_volts();
        self.charge_voltage.map_or(usual, |volts| volts / f64::from(self.cells_series))
    }

    /// Whether the wiring can measure the pack and what its limits are: warnings, or the sentence that refuses it.
    fn check_wiring(&self) -> Result<Vec<String>, Unfit> {
        let wiring = self.wiring();
        let warnings = wiring.check(&self.pack())?;
        let limits = [
            (&keys::entry::max_charge_current, self.max_charge_current),
            (&keys::entry::max_load_current, self.max_load_current),
        ];
        for (key, amps) in limits {
            wiring.check_amps(key.name, amps.unwrap_or_default())?;
        }
        Ok(warnings)
    }

    /// Whether limits that have an order keep it: the key and the sentence that refuses it.
    fn check_order(&self) -> Result<(), (&'static Key, String)> {
        if self.charge_again_soc <= self.empty_soc {
            let (again, empty) = (self.charge_again_soc, self.empty_soc);
            let why =
                format!("{again} % is not above EMPTY_SOC, {empty} %: set it to 95, or lower EMPTY_SOC");
            return Err((&keys::entry::charge_again_soc, why));
        }
        let Limits { coldest_charge, hottest, .. } = self.limits();
        if coldest_charge >= hottest {
            let why = format!(
                "{coldest_charge} °C is not below MAX_TEMPERATURE, {hottest} °C: the battery would never be charged"
            );
            return Err((&keys::entry::min_charge_temperature, why));
        }
        Ok(())
    }

    fn warn_of_path(&self) -> Option<String> {
        let path = self.ca_file.as_ref()?.path();
        let whole = std::path::absolute(path).ok().filter(|_| path.is_relative())?;
        let why = "is looked for in the folder where each program is started, which is / for the service";
        Some(format!("CA_FILE={} {why}; write CA_FILE={}", path.display(), whole.display()))
    }

    fn warn_of_cold(&self) -> Option<String> {
        let celsius = self.min_charge_temperature.filter(|celsius| *celsius < 0.0)?;
        (self.chemistry != Chemistry::LeadAcid).then(|| {
            format!(
                "MIN_CHARGE_TEMPERATURE={celsius}: metal plates out in lithium cells that are charged below 0 °C, which \
                 harms them for good; set 0 unless the cells' datasheet allows less"
            )
        })
    }

    /// Whether the voltages fit the pack: the key and the sentence that refuses it.
    fn check_voltages(&self) -> Result<(), (&'static Key, String)> {
        let cells = f64::from(self.cells_series);
        let (least, most) = self.chemistry.charge_cell_volts();
        let pack = self.pack();
        let within = |key, volts: Option<f64>, low: f64, high: f64| match volts {
            Some(volts) if !(low..=high).contains(&(volts / cells)) => Err((
                key,
                format!(
                    "{volts} V is {:.2} V a cell: a pack of {} such cells has {:.1} to {:.1} V there",
                    volts / cells,
                    pack.cells_series,
                    low * cells,
                    high * cells
                ),
            )),
            _ => Ok(()),
        };
        let usual = Limits::usual(&pack, self.full_cell_volts());
        within(&keys::entry::charge_voltage, self.charge_voltage, least, most)?;
        within(&keys::entry::over_voltage, self.over_voltage, self.full_cell_volts() + 0.01, most + 0.3)?;
        within(&keys::entry::empty_voltage, self.empty_voltage, usual.empty_volts * 0.7, least - 0.05)
    }

    /// What the label on the pack says.
    pub fn pack(&self) -> Pack {
        Pack { chemistry: self.chemistry, cells_series: self.cells_series, capacity_ah: self.capacity_ah }
    }
}
