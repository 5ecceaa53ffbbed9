import { describe, expect, it } from '@jest/globals';
import { EditableXml } from './xml-edit.ts';

const original = `<domain type="qemu"><!-- by hand --><name>a &amp; b</name><vendor:x xmlns:vendor="urn:v">1</vendor:x><devices><disk device="disk"><source file="/a"/></disk><emulator>/usr/bin/qemu</emulator><disk device="cdrom"><source file="/b"/></disk></devices></domain>`;

describe('an edited document', () => {
  it('keeps the order, comments and everything it does not know', () => {
    const edited = new EditableXml(original).toString();
    expect(edited.replace(/><\/source>/g, '/>')).toBe(original);
  });

  it('changes what is asked for and nothing else', () => {
    const xml = new EditableXml(original);
    xml.root.setChildText('name', 'c < d');
    xml.root.child('devices')!.children('disk')[1]!.child('source')!.setAttribute('file', '/c "d"');
    xml.root.child('devices')!.removeChildren('emulator');
    const text = xml.toString();
    expect(text).toContain('<name>c &lt; d</name>');
    expect(text).toContain('file="/c &quot;d&quot;"');
    expect(text).not.toContain('emulator');
    expect(text).toContain('<source file="/a">');
    expect(new EditableXml(text).root.attribute('type')).toBe('qemu');
  });
});
