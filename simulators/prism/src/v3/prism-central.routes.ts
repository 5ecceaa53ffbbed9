import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { stableUuid } from '../identity.ts';
import type { Prism } from '../prism.ts';

export function prismCentralRoutes(app: FastifyInstance, prism: Prism): void {
  app.get('/prism_central', (_request, reply) => {
    const [hosting] = prism.site.hostingClusters;
    const central = prism.site.prismCentral;
    const container = hosting === undefined ? undefined : prism.site.defaultContainer(hosting.uuid);
    return sendJson(reply, 200, {
      resources: {
        should_auto_register: false,
        is_registered_to_hosting_pe: true,
        cmsp_config: {
          platform_ip_block_list: ['192.168.6.2 192.168.6.25'],
          platform_network_configuration: {
            subnet_mask: '255.255.255.0',
            type: 'kPrivateNetwork',
            default_gateway: '192.168.6.1',
          },
          pc_domain_name: 'msp.cluster.local',
        },
        pc_size: 'kSmall',
        version: prism.knobs.get('profile'),
        pc_vm_list: [
          {
            vm_name: 'pc-vm-1',
            data_disk_size_bytes: 536870912000,
            dns_server_ip_list: ['127.0.0.1', '10.0.0.2'],
            container_uuid: container?.uuid ?? '',
            nic_list: [
              {
                network_configuration: { subnet_mask: '255.255.255.0', network_uuid: '', default_gateway: '10.0.0.1' },
                ip_list: ['10.0.0.9'],
              },
            ],
            num_sockets: 10,
            memory_size_bytes: 70866960384,
            status: 'NORMAL',
            power_state: 'ON',
            vm_uuid: stableUuid('prism-central-vm'),
            ntp_server_list: ['0.pool.ntp.org', '1.pool.ntp.org'],
            cluster_reference: { kind: 'cluster', uuid: hosting?.uuid ?? '' },
          },
        ],
        cluster_uuid: central.uuid,
        type: 'PC',
        virtual_ip: '10.0.0.9',
      },
    });
  });

  app.get('/versions', (_request, reply) => sendJson(reply, 200, { major_version: '3', minor_version: '1' }));
}
