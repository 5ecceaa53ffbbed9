import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Host, HostId, Image, Network, pageOf, PageQuery, Template, Volume } from '@polyvirt/contracts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { MemoryLists } from '../http/memory-list.ts';
import { Inventory } from '../inventory/inventory.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { Hosts } from './hosts.ts';
import { templatesOf } from './templates.ts';

@ApiTags('Hosts')
@Controller('hosts')
@RequirePermission('host:read')
export class HostController {
  constructor(
    private readonly hosts: Hosts,
    private readonly inventory: Inventory,
    private readonly lists: MemoryLists,
  ) {}

  @Get()
  @Answers({
    id: 'listHosts',
    summary: 'Hosts by id, with capabilities, health and totals.',
    schema: pageOf(Host, 'HostPage'),
  })
  list(@Query({ schema: PageQuery }) query: PageQuery) {
    return this.lists.page('hosts', this.hosts.shown(), ({ id }) => id, query);
  }

  @Get(':hostId')
  @Answers({ id: 'getHost', summary: 'One host.', schema: Host, problems: ['host-not-found'] })
  get(@Param('hostId', { schema: HostId }) id: HostId) {
    return this.hosts.show(id);
  }

  @Get(':hostId/images')
  @Answers({
    id: 'listImages',
    summary: 'Images that a disk or the CD-ROM drive of a new VM can take.',
    schema: pageOf(Image, 'ImagePage'),
    problems: ['host-not-found'],
  })
  images(@Param('hostId', { schema: HostId }) id: HostId, @Query({ schema: PageQuery }) query: PageQuery) {
    const { images } = this.hosts.require(id);
    return this.lists.page(`images of ${id}`, images, ({ name }) => name, query);
  }

  @Get(':hostId/networks')
  @Answers({
    id: 'listNetworks',
    summary: 'Networks that an interface can be on.',
    schema: pageOf(Network, 'NetworkPage'),
    problems: ['host-not-found'],
  })
  networks(@Param('hostId', { schema: HostId }) id: HostId, @Query({ schema: PageQuery }) query: PageQuery) {
    const { networks } = this.hosts.require(id);
    return this.lists.page(`networks of ${id}`, networks, ({ name }) => name, query);
  }

  @Get(':hostId/templates')
  @Answers({
    id: 'listTemplates',
    summary:
      'VMs that a new one can be made from: those that were made templates, and others that the host can copy as well.',
    schema: pageOf(Template, 'TemplatePage'),
    problems: ['host-not-found'],
  })
  templates(@Param('hostId', { schema: HostId }) id: HostId, @Query({ schema: PageQuery }) query: PageQuery) {
    const templates = templatesOf(this.hosts.require(id), this.inventory.vms.of(id));
    return this.lists.page(`templates of ${id}`, templates, ({ name }) => name, query);
  }

  @Get(':hostId/volumes')
  @Answers({
    id: 'listVolumes',
    summary: 'Disks of the host that no VM has: kept ones, left ones, found ones. A VM can be given one as its disk.',
    schema: pageOf(Volume, 'VolumePage'),
    problems: ['host-not-found'],
  })
  volumes(@Param('hostId', { schema: HostId }) id: HostId, @Query({ schema: PageQuery }) query: PageQuery) {
    const { volumes } = this.hosts.require(id);
    return this.lists.page(`volumes of ${id}`, volumes, (volume) => volume.id, query);
  }
}
