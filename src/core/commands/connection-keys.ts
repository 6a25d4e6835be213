/**
 * The configuration keys and variables through which a backend could take a station away, as data.
 *
 * Pure. A write that changes where a station connects, as whom, or with which secret can lose it for good, so none passes. Names are compared folded (without case,
 * blanks and punctuation). Standard names: OCPP 1.6 §9 and its security whitepaper §2.3, 2.x Part 2 §3. Endpoint names: what vendors' manuals and open firmware
 * have; a pattern that catches too much costs a setting, which the operator can still write; one that catches too little costs the station.
 */

/** Of what connects a station: never forwarded, refused. Tested on every name in the write, and on the names run together. */
export const protectedPatterns: readonly RegExp[] = [
  // Who the station is, and how it proves it. The exact credential keys are told apart before these are asked.
  /authorizationkey|authkey|basicauth/,
  /securityprofile|additionalrootcertificatecheck|verifycsms/,
  /networkconfiguration|networkprofile/,
  /^identity$|^securityctrlridentity$|csmsidentity|ocppidentity/,
  /(chargepoint|chargebox|chargingstation|chargestation|station|charger|ocpp|cstcp|cstcb)(id|identity|identifier)$/,
  /^(cp|cb|cs)(id|identity)$/,
  /tlsversion|cipher|sslversion/,
  // Where it connects to.
  /centralsystem|centralserver|csms|backend|backoffice|server|endpoint|proxy/,
  /(url|uri|hostname|fqdn)\d*$/,
  /(ocpp|cloud|websocket|wss?|hub|platform|management)[a-z0-9]*(host|address|addr|(?<!sup|re|ex|im|trans)port|path|domain|ip)\d*$/,
  /(ocpp|websocket)(url|uri|host|address|addr|connection|gateway)/,
  /^(host|port|ip|address|domain|cpms|cpo|ocpp)\d*$/,
  /ocpp(version|protocol|transport|interface)|subprotocol/,
  // Over which network.
  /^apn|apn$|apn(name|user|username|password|pass|auth|authentication|host|type|settings|\d)/,
  /simpin|simcard|ssid|(wifi|wlan)(password|key|psk|enabled|mode)|gprs|modem|ppp(user|pass)/,
  /preferrednetwork|(network|communication|connectivity)(mode|type|interface|priority|selection)/,
  /vpn|^dns|dns\d*$|netmask|defaultgateway|staticip|ipaddress|dhcp/,
  // A gateway-owned setting with something around its name.
  /websocketping|heartbeatinterval|retrybackoff/,
];

/** A standard name that a pattern above would catch by mistake, folded: ClockCtrlr's time server. It is passed over wherever it stands. */
export const harmlessName = /ntpserver(uri)?/g;

/** A value with an OCPP-J endpoint in it says what its key is for. */
export const endpointValue = /wss?:\/\//i;

/** The station's own password, by the names that are exactly it: 1.6 and 2.x (`Component.Variable`), folded. */
export const credentialKeys: ReadonlySet<string> = new Set([
  'authorizationkey',
  'securityctrlrbasicauthpassword',
  'networkconfigurationbasicauthpassword',
]);

/** A setting that Busbar owns, since it runs both links: a backend gets the value it asked for, the station only one that is safe. */
export interface GatewayKey {
  /** Whole numbers that may reach the station. */
  readonly from: number;
  readonly to: number;
}

/** By folded key (1.6) or variable (2.x). Seconds, or times. */
export const gatewayKeys: ReadonlyMap<string, GatewayKey> = new Map([
  // Busbar finds a dead link by its own pings within a minute; a station that pings more often only costs data.
  ['websocketpinginterval', { from: 10, to: 300 }],
  ['heartbeatinterval', { from: 30, to: 86_400 }],
  // Below half a minute a station gives up on answers that its backend still owes.
  ['messagetimeout', { from: 30, to: 120 }],
  // Fewer attempts, and a station throws a transaction away during a short outage (1.6 §3.7.1; 2.x E13).
  ['transactionmessageattempts', { from: 3, to: 100 }],
  ['messageattempts', { from: 3, to: 100 }],
  ['transactionmessageretryinterval', { from: 10, to: 300 }],
  ['messageattemptinterval', { from: 10, to: 300 }],
  ['offlinethreshold', { from: 30, to: 3_600 }],
  ['retrybackoffrepeattimes', { from: 1, to: 10 }],
  ['retrybackoffrandomrange', { from: 5, to: 120 }],
  ['retrybackoffwaitminimum', { from: 5, to: 120 }],
]);

/** The folded name under which a backend's own heartbeat interval is remembered. */
export const heartbeatKey = 'heartbeatinterval';

/** Names whose values are secrets, folded: never kept, served or logged. */
export const secretNames =
  /authorizationkey|authkey|password|passphrase|passwd|secret|privatekey|presharedkey|vpnkey|psk$|simpin|apikey|credential|accesstoken/;
