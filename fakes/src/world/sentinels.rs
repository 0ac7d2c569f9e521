//! Foreign objects in every namespace.

use super::World;
use crate::Sentinels;
use serde_json::json;
use std::collections::BTreeMap;
use storex_core::{
    Claim, DatabaseAdmin, EffectCx, Epoch, Expected, Fence, IngressRule, Mark, Nonce, Part, RecordSpec, RecordType, Result,
    RowWrite, StoreHost, StoreId, StorePackage, StoreRepo, Symlinks, Table, TunnelDocument, TunnelRoutes,
};

/// The operation of nobody that holds the foreign claims.
const OWNER: &str = "op_ffffffffffffffffffffffffffffffff";
/// The mark of another installation.
const MARK: &str = "storex/1 i=ffffffff s=99999 e=ffffffffffffffffffffffffffffffff.0f";

impl World {
    /// Puts foreign objects into every namespace and guards them: a record beside ours and one that bears another installation's mark, a zone
    /// with a record, a custom hostname, a tunnel and, where `ours` exists, a rule among ours, a deployment, claims and documents.
    ///
    /// # Errors
    /// What the twins refuse.
    pub async fn plant_sentinels(&self, ours: &str) -> Result<()> {
        let mut all = Sentinels::default();
        self.plant_at_the_edge(&mut all)?;
        self.plant_rules(&mut all, ours).await?;
        self.plant_deployment(&mut all).await?;
        self.plant_database(&mut all).await?;
        self.plant_documents(&mut all).await?;
        self.wires.guard(all);
        Ok(())
    }

    fn plant_at_the_edge(&self, all: &mut Sentinels) -> Result<()> {
        let foreign = self.domains.insert_foreign_zone(&"sentinel-shop.com".parse()?);
        let primary = self.domains.zones().into_iter().find(|zone| zone.name == self.primary);
        for (zone, name) in [(Some(&foreign), "www.sentinel-shop.com"), (primary.as_ref(), "legacy.storex.com")] {
            if let Some(zone) = zone {
                let facts =
                    self.domains.insert_foreign_record(&zone.id, &RecordSpec::parse(RecordType::A, name, "192.0.2.1")?)?;
                all.records.push((zone.id.clone(), facts));
            }
        }
        if let Some(zone) = primary {
            let alias = RecordSpec::cname("other.storex.com", "elsewhere.example.com", false)?;
            let facts = self.domains.insert_marked_record(&zone.id, &alias, MARK)?;
            all.records.push((zone.id.clone(), facts));
            all.hostnames.push(self.domains.insert_foreign_hostname(&zone.id, &"www.sentinel-shop.com".parse()?)?);
        }
        all.zones.push(foreign);
        Ok(())
    }

    async fn plant_rules(&self, all: &mut Sentinels, ours: &str) -> Result<()> {
        let rule = |hostname: Option<&str>, service: &str| IngressRule {
            hostname: hostname.map(str::to_owned),
            service: service.to_owned(),
            rest: serde_json::Map::new(),
        };
        let foreign = rule(Some("sentinel-shop.com"), "http://localhost:9");
        let tunnel = self.tunnels.create(&context()?, "sentinel-tunnel").await?;
        let document =
            TunnelDocument { ingress: vec![foreign.clone(), rule(None, "http_status:404")], ..TunnelDocument::default() };
        self.tunnels.overwrite(&tunnel.id, document)?;
        all.rules.push((tunnel.name, foreign));
        if let Some(known) = self.tunnels.find(ours).await? {
            let (_, mut document) = self.tunnels.load(&known.id).await?;
            let foreign = rule(Some("legacy.storex.com"), "http://localhost:10");
            document.ingress.insert(0, foreign.clone());
            self.tunnels.overwrite(&known.id, document)?;
            all.rules.push((known.name, foreign));
        }
        Ok(())
    }

    async fn plant_deployment(&self, all: &mut Sentinels) -> Result<()> {
        let store: StoreId = "sentinel-99999".parse()?;
        let environment = [("PORT", json!(4999)), ("INTERNAL_DOMAIN", json!("sentinel.storex.com"))];
        let package = StorePackage {
            store_id: store.clone(),
            directory: "/stores/sentinel".to_owned(),
            environment: environment.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            symlinks: Symlinks::default(),
        };
        let deadline = self.clock().now() + std::time::Duration::from_mins(1);
        let cx = EffectCx { deadline, ..context()? };
        for part in [Part::Files, Part::Environment, Part::Process, Part::Route] {
            self.host.apply(&cx, &package, part).await?;
        }
        all.deployments.extend(self.host.find(&store).await?);
        Ok(())
    }

    /// A database that nobody marked, and one of another installation.
    async fn plant_database(&self, all: &mut Sentinels) -> Result<()> {
        let (bare, marked) = ("store_sentinel".parse()?, "store_sentinel-2".parse()?);
        self.databases.edit_documents(&bare, |collections| {
            collections.entry("orders".to_owned()).or_default().insert("1".to_owned(), "somebody else's".to_owned());
        });
        self.databases.ensure_database(&context()?, &marked).await?;
        let password = storex_core::Secret::new("sentinel".to_owned());
        self.databases.ensure_user(&context()?, &marked, &"store_user_99999".parse()?, &password).await?;
        all.databases.extend(self.databases.databases().into_iter().filter(|one| one.name == bare || one.name == marked));
        Ok(())
    }

    async fn plant_documents(&self, all: &mut Sentinels) -> Result<()> {
        let names = [
            ("username", "sentinel"),
            ("domain", "sentinel.storex.com"),
            ("domain", "sentinel-shop.com"),
            ("store_digits", "99999"),
            ("port:local", "4999"),
            ("database", "store_sentinel"),
        ];
        for (namespace, name) in names {
            let claim = Claim {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                owner: OWNER.to_owned(),
                label: "sentinel".to_owned(),
            };
            self.stores.claim(&claim, Fence::NONE).await?;
            all.claims.push((claim.namespace, claim.name, claim.owner));
        }
        for (table, id) in [(Table::Domains, "sentinel-shop.com"), (Table::Certificates, "sentinel-shop.com")] {
            let write = RowWrite { table, id: id.to_owned(), body: json!({ "sentinel": id }).into(), indexes: BTreeMap::new() };
            self.stores.put(&write, Expected::Absent, &Nonce("sentinel".to_owned()), Fence::NONE).await?;
            all.rows.extend(self.stores.row(table, id).map(|row| (table, row)));
        }
        Ok(())
    }
}

fn context() -> Result<EffectCx> {
    Ok(EffectCx { mark: MARK.parse::<Mark>()?, epoch: Epoch(0), deadline: jiff::Timestamp::MAX })
}
