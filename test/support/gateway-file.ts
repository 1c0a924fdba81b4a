/**
 * A small gateway.yaml.
 * @param artifact folder
 */
export const gatewayFile = (flavour: string, artifact: string): string => `
flavour: ${flavour}
artifact: ${artifact}
interfaces:
  - {device: eth0, role: inside, addresses: [192.168.40.1/24]}
  - {device: eth1, role: outside, addresses: [203.0.113.1/24], gateway: 203.0.113.2}
pools:
  public: [203.0.113.100-203.0.113.102]
snat:
  - {pool: public}
hosts:
  gw1: {ssh: {destination: root@203.0.113.1}}
`;
