import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Host, HostId, Image, Network, pageOf, paging, Template } from '@polyvirt/contracts';
import { z } from 'zod';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Cursors } from '../http/cursor.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { Hosts } from './hosts.ts';

const HostListQuery = z.strictObject(paging).meta({ id: 'HostListQuery' });
type HostListQuery = z.infer<typeof HostListQuery>;

@ApiTags('Hosts')
@Controller('hosts')
@RequirePermission('host:read')
export class HostController {
  constructor(
    private readonly hosts: Hosts,
    private readonly cursors: Cursors,
  ) {}

  @Get()
  @Answers({
    id: 'listHosts',
    summary: 'Hosts by id, with capabilities, health and totals.',
    schema: pageOf(Host, 'HostPage'),
  })
  list(@Query({ schema: HostListQuery }) { limit, cursor }: HostListQuery) {
    const after = cursor === undefined ? '' : this.cursors.open('hosts', cursor, HostId);
    const rest = this.hosts.all().filter(({ id }) => id > after);
    const items = rest.slice(0, limit).map((record) => this.hosts.view(record));
    return rest.length > limit ? { items, nextCursor: this.cursors.seal('hosts', items.at(-1)!.id) } : { items };
  }

  @Get(':hostId')
  @Answers({ id: 'getHost', summary: 'One host.', schema: Host, problems: ['host-not-found'] })
  get(@Param('hostId', { schema: HostId }) id: HostId) {
    return this.hosts.view(this.hosts.require(id));
  }

  @Get(':hostId/images')
  @Answers({
    id: 'listImages',
    summary: 'Images that a disk or the CD-ROM drive of a new VM can take.',
    schema: pageOf(Image, 'ImagePage'),
    problems: ['host-not-found'],
  })
  images(@Param('hostId', { schema: HostId }) id: HostId) {
    return { items: this.hosts.require(id).images };
  }

  @Get(':hostId/networks')
  @Answers({
    id: 'listNetworks',
    summary: 'Networks that an interface can be on.',
    schema: pageOf(Network, 'NetworkPage'),
    problems: ['host-not-found'],
  })
  networks(@Param('hostId', { schema: HostId }) id: HostId) {
    return { items: this.hosts.require(id).networks };
  }

  @Get(':hostId/templates')
  @Answers({
    id: 'listTemplates',
    summary: 'VMs that a new one can be made from.',
    schema: pageOf(Template, 'TemplatePage'),
    problems: ['host-not-found'],
  })
  templates(@Param('hostId', { schema: HostId }) id: HostId) {
    return { items: this.hosts.require(id).templates };
  }
}
