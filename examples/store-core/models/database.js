// The shop's database, with the official driver. When the environment file names another user, the shop goes over to it without a request refused:
// storex keeps both users until the shop says that it works as the new one.
'use strict';

const fs = require('node:fs');
const { parseEnv } = require('node:util');

const LOOK_EVERY_MS = 250;
const GIVE_UP_MS = 3000;
const STARTING_PRODUCTS = [
  { _id: 'mug-01', title: 'Stoneware mug', price: '18.00', currency: 'EUR', stock: 42 },
  { _id: 'tee-01', title: 'Linen shirt', price: '49.50', currency: 'EUR', stock: 17 },
  { _id: 'bag-01', title: 'Canvas bag', price: '32.00', currency: 'EUR', stock: 8 },
];

function login(env) {
  return { host: env.DB_HOST, name: env.DB_NAME, user: env.DB_USER, password: env.DB_PASSWORD };
}

// Only a shop with a database needs the driver.
function driver() {
  try {
    return require('mongodb');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    console.error('DB_HOST is set and this core has no MongoDB driver; scripts/shop-core.sh makes a core that has it');
    process.exit(1);
  }
}

function connect(to, appName) {
  const { MongoClient } = driver();
  const client = new MongoClient(to.host, {
    auth: { username: to.user, password: to.password },
    authSource: to.name,
    authMechanism: 'SCRAM-SHA-256',
    appName,
    maxPoolSize: 10,
    serverSelectionTimeoutMS: GIVE_UP_MS,
    // A server that stands alone refuses them.
    retryWrites: /[?&]replicaSet=/.test(to.host),
  });
  return { ...to, client, db: client.db(to.name), inUse: 0 };
}

class Database {
  #connections;
  #timer;
  #appName;
  #readAt = 0;

  constructor(env, file) {
    this.#appName = env.STORE_ID;
    this.#connections = [connect(login(env), this.#appName)];
    if (file) this.#watch(file);
  }

  #watch(file) {
    this.#timer = setTimeout(async () => {
      try {
        await this.#look(file);
      } catch (error) {
        console.error(`database: ${error.message}`);
      }
      this.#watch(file);
    }, LOOK_EVERY_MS).unref();
  }

  // Whom the shop works as: the former user for as long as a request still uses its connections.
  get user() {
    return this.#connections[0].user;
  }

  // Does work with the database as the newest user.
  async use(work) {
    const connection = this.#connections.at(-1);
    connection.inUse += 1;
    try {
      return await work(connection.db);
    } finally {
      connection.inUse -= 1;
    }
  }

  async ping() {
    await this.use((db) => db.command({ ping: 1 }));
  }

  async start() {
    await this.use(async (db) => {
      const products = db.collection('products');
      if (await products.findOne()) return;
      await products.insertMany(STARTING_PRODUCTS, { ordered: false }).catch((error) => {
        // Another start of the same shop was faster.
        if (error.code !== 11000) throw error;
      });
    });
  }

  async close() {
    clearTimeout(this.#timer);
    await Promise.all(this.#connections.map((one) => one.client.close()));
  }

  async #look(file) {
    while (this.#connections.length > 1 && this.#connections[0].inUse === 0) await this.#connections.shift().client.close();
    const changed = fs.statSync(file).mtimeMs;
    if (changed === this.#readAt) return;
    const to = login(parseEnv(fs.readFileSync(file, 'utf8')));
    const now = this.#connections.at(-1);
    if (to.user !== now.user || to.password !== now.password) {
      const next = connect(to, this.#appName);
      try {
        await next.db.command({ ping: 1 });
      } catch (error) {
        await next.client.close();
        throw error;
      }
      this.#connections.push(next);
      console.log(`database: works as ${to.user} from now on`);
    }
    this.#readAt = changed;
  }
}

// The database the environment names; null where it names none.
function openDatabase(env, execArgv) {
  if (!env.DB_HOST) return null;
  const file = execArgv.find((argument) => argument.startsWith('--env-file='))?.slice('--env-file='.length);
  return new Database(env, file);
}

module.exports = { openDatabase, STARTING_PRODUCTS };
