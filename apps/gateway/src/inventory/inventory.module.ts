import { Module } from '@nestjs/common';
import { Annotations } from './annotations.ts';
import { Inventory } from './inventory.ts';

@Module({ providers: [Annotations, Inventory], exports: [Annotations, Inventory] })
export class InventoryModule {}
