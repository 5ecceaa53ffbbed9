/**
 * What people choose first, as letters alone: passwords that begin or end with digits and signs, or are written with `0` for `o`,
 * are found by the word in them. NIST SP 800-63B 5.1.1.2 asks for such a list.
 */
const words = new Set(
  `abcdefghijkl abcdefghijklm abcdefghijklmnop abcdefghijklmnopqrstuvwxyz abcabcabc access accessdenied adidas admin administrator
  administrateur adminadmin adminpassword amazing america andrea andrew angel anthony apple arsenal asdf asdfasdf asdfgh asdfghjkl
  asdfghjklqwerty ashley azerty azertyuiop bailey barcelona baseball basketball batman beautiful blink butterfly changeit changeme
  changemenow changemeplease changethis charlie cheese chelsea chocolate christmas company computer computers cookie corporate
  correcthorsebatterystaple daniel default defaultpassword diamond donald dragon elephant facebook family flower football footballer
  forever france freedom friday friend friends fuckyou gandalf george germany ginger google guest hallo hannah harley hello hellohello
  helloworld hockey hunter hypervisor iloveyou iloveyoubaby iloveyouforever iloveyousomuch internet jennifer jessica jesus jesuschrist
  jordan joshua justin killer kvm ladybug letmein letmeinnow letmeinplease libvirt liverpool login london lovely loveme manager
  manchester manchesterunited master masterkey matrix matthew merlin michael michelle microsoft monday monkey mustang mynameis
  mypassword mysecret mysecretpassword nicole ninja nopassword nothing nutanix operator orange pass passpass passphrase passwd password
  passwordpassword passwords passw passwort passwrd pepper phoenix pokemon polyvirt princess princesses prism proxmox purple qazwsx
  qazwsxedc qazwsxedcrfv qwe qweasd qweasdzxc qweqwe qwer qwerasdf qwert qwertasdfg qwerty qwertyqwerty qwertyui qwertyuiop qwertyuiopasdf
  qwertyuiopasdfghjkl qwertyuiopasdfghjklzxcvbnm qwertz qwertzuiop rainbow ranger robert root rootroot samsung saturday secret
  secretpassword secretsecret server service shadow silver slipknot snoopy soccer spiderman spring starwars starwarsfan summer sunday
  sunshine superadmin superman supersecret superuser support swordfish system teacher temp temporary tennis test tester testing
  testpassword testtest thepassword thisismypassword thomas thursday tigger trustno trustnoone tuesday user username vagrant virtual
  virtualmachine vmware wednesday welcome welcomehome welcometo whatever william winter xxxxxx yankees zaq zaqwsx zxcvbn zxcvbnm
  zxcvbnmasdfghjkl`.split(/\s+/),
);

/** Rows of keyboards, and the orders in which people count. */
const runs = [
  'abcdefghijklmnopqrstuvwxyz',
  '012345678901234567890123456789',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  'qazwsxedcrfvtgbyhnujmikolp',
].flatMap((run) => [run, [...run].reverse().join('')]);

const standIns: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'l',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '@': 'a',
  $: 's',
  '!': 'i',
};

/** Fewer than these in a password are one thing said several times. */
const fewestDifferent = 5;
/** A name shorter than this is in many words by chance. */
const shortestName = 4;

/** Why nobody should choose this password, in a sentence; undefined when nothing speaks against it. */
export function weaknessOf(password: string, username?: string): string | undefined {
  const plain = password.normalize('NFKC').toLowerCase();
  const dense = plain.replaceAll(/\s/g, '');
  if (dense === '') return 'A password is more than spaces.';
  if (new Set(dense).size < fewestDifferent) return `A password has at least ${fewestDifferent} different characters.`;
  if (runs.some((run) => run.includes(dense))) return 'This is a row of keys or of digits. Choose something else.';
  if (username !== undefined && isName(dense, username.toLowerCase()))
    return 'A password is not the user name, nor that with a few characters more.';
  if (readings(dense).some((reading) => words.has(reading)))
    return 'This is among the first that are guessed. Choose something else: three or four unrelated words, for example.';
  return undefined;
}

/** The name, once or several times, forwards or backwards, with characters around it that are no letters. */
function isName(dense: string, name: string): boolean {
  const core = trimmed(dense);
  const shapes = [name, [...name].reverse().join('')];
  if (shapes.some((shape) => dense === shape || core === shape)) return true;
  if (name.length < shortestName) return shapes.some((shape) => dense.replaceAll(shape, '') === '');
  return shapes.some((shape) => !/\p{L}/u.test(dense.replaceAll(shape, '')) && dense.includes(shape));
}

/** The letters in it, as they stand and with the characters that stand in for letters. */
function readings(dense: string): string[] {
  const translated = (text: string) => [...text].map((character) => standIns[character] ?? character).join('');
  const lettersOf = (text: string) => text.replaceAll(/[^a-z]/g, '');
  return [lettersOf(dense), lettersOf(translated(trimmed(dense))), lettersOf(translated(dense))].flatMap((text) => [
    text,
    once(text),
  ]);
}

/** `abcabc` is `abc`. */
const once = (text: string): string => /^(.+?)\1+$/.exec(text)?.[1] ?? text;

const trimmed = (text: string): string => text.replace(/^[^\p{L}]+/u, '').replace(/[^\p{L}]+$/u, '');
